"""What causalml and DoubleML do in their own environments, as scripts that take the path of a Parquet file of deals."""

CAUSALML = """
import json, sys, time
import pandas as pd
from causalml.match import NearestNeighborMatch
from causalml.propensity import LogisticRegressionPropensityModel
table = pd.read_parquet(sys.argv[1])
names = [name for name in table if name.startswith("x")]
start, used = time.perf_counter(), time.process_time()
table["score"] = LogisticRegressionPropensityModel(random_state=1).fit_predict(table[names].to_numpy(), table["called"].to_numpy())
pairs = NearestNeighborMatch(caliper=0.2, replace=True, random_state=1, n_jobs=1).match(table, "called", ["score"])
means = pairs.groupby("called")["won"].mean()
print("RESULT", json.dumps({"seconds": time.perf_counter() - start, "of cores": time.process_time() - used, "found": means[1] - means[0]}))
"""
DOUBLEML = """
import json, sys, time
import doubleml, numpy as np, pandas as pd
from sklearn.linear_model import LinearRegression, LogisticRegression
np.random.seed(1)
table = pd.read_parquet(sys.argv[1])
names = [name for name in table if name.startswith("x")]
start, used = time.perf_counter(), time.process_time()
found = doubleml.DoubleMLIRM(doubleml.DoubleMLData(table, "won", "called", names), LinearRegression(), LogisticRegression(), n_folds=5)
found.fit()
found.confint()
print("RESULT", json.dumps({"seconds": time.perf_counter() - start, "of cores": time.process_time() - used, "found": float(found.coef[0])}))
"""
PEERS = {"causalml": CAUSALML, "doubleml": DOUBLEML}
