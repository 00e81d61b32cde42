"""Who is this resource: cluster id, composition id, Kubernetes metadata."""
