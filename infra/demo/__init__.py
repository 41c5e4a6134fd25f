"""The demo: one real agent, and a simulated plant that speaks the real device API."""
