"""What a run, a stage, a request and a second of the machine cost, and whether a training may be afforded.

stages.run ─ metered ─▶ ledger.sqlite ─▶ table, MLflow, budgets, estimates, advice
gateway ───▶ the request log, which has every answer's cost already
"""
