"""Creation and checks of datasets and maps, and their documents."""
