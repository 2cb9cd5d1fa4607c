"""One particle against one reference: observation, search and posterior."""
