"""What may be served under which name: adapters checked, kept by their content, published and rolled back."""

from service.adapters.findings import STEPS, AdapterFacts, Check, Findings, Step, Tick

__all__ = ["STEPS", "AdapterFacts", "Check", "Findings", "Step", "Tick"]
