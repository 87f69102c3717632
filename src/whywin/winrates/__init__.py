"""Where do we win, and did it really move?"""
