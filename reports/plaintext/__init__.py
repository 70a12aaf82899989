"""The journal in the formats of hledger, ledger-cli and beancount: programs nobody here wrote, which check it again.

    journal       reads the books, in a few streamed queries
    names         account and commodity names the tools take, no two alike
    text          anybody's text, kept in its place
    semicolons    what hledger and ledger-cli write alike
    hledger, ledger_cli, beancount    one format each: `lines(export)`, pure

What is validated is written as transactions, so that a tool's balances are the trial balance, on any date. What is
seen and not yet validated stands in comments, as a transaction marked `!`: no tool counts it. Settled and voided
entries are not written a second time; a settling entry carries the chain's references of what it settles.
"""
