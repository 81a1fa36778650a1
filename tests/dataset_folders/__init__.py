"""Writers of tiny datasets in the formats that the package reads, from rendered hands."""
