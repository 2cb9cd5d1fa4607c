"""From picks and tomograms to subtomograms."""
