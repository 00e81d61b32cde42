"""Who may do what: senders with tokens, readers with roles and scopes, TLS, and the audit trail. Imports no room."""
