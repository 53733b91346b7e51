"""What several tests share: small suites, result folders, projects, peers to compare with."""
