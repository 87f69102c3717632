"""What would move the win rate? Intervention effects from observed deals."""
