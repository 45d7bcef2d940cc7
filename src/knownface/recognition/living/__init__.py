"""People come and go: who is known, as one file that is changed while it is used."""
