"""The OpenID Connect issuer that each organization is, and the exchange of its tokens for logins of registries."""
