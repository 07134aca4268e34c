"""The replay of dead letters of dual writes: received, brought to the store that lacks them, recorded, deleted.

`dual_write.letters` is their form, and what writers send; `ledger.letters` is where they end.
"""
