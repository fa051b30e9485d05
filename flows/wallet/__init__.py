"""Virtual accounts (虚拟账户): what each party has with headquarters, what is held, what it may spend.

Pure: postings and commands in, movements, holds, notices and answers out, by the party's own record alone.
"""
