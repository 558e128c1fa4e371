"""Claims registered before the run, verdicts by rule, and the ledger that keeps both."""

from alchemy.claims.ledger import Difference, Ledger, compare, interval_from, words
from alchemy.claims.model import Bet, Claim, Verdict, interval_text
from alchemy.claims.regions import ClaimError, Region, at_least, at_most, between, number

__all__ = [
    "Bet",
    "Claim",
    "ClaimError",
    "Difference",
    "Ledger",
    "Region",
    "Verdict",
    "at_least",
    "at_most",
    "between",
    "compare",
    "interval_from",
    "interval_text",
    "number",
    "words",
]
