"""Price feeds: what public sources say, what they agree on, and the medians that the ledger records as rates.

    sources/      one file a source: what to ask, and how its answer reads. No judgement, no clock, no database
    fetching      asks one source when it is due, judges every price alike, remembers the latest
    agreeing      the median of the fresh ones, without those that stand apart. Pure
    medians       what is agreed becomes a rate of the platform; a jump is suspect until it is confirmed

A source that fails, lies or hangs holds up itself and nothing else. Where too few agree nothing is priced.
"""
