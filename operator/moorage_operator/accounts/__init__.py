"""Who owns records, who pays and at which prices: Dataset, Tenant and PricePlan, and the catalogue of the two last.

Pure: decides from what was observed. May import the API and billing's pure parts; does no I/O.
"""
