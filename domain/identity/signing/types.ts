/** The public part of a signing key (RFC 8037), as JWKS shows it. */
export interface PublicKey {
  kty: 'OKP';
  crv: 'Ed25519';
  x: string;
}

/** What a token is about. */
export interface TokenClaims {
  userId: string;
  role: string;
  sessionId: string;
  /** When the user signed in by password, which refreshing does not change. */
  signedInAt: Date;
}
