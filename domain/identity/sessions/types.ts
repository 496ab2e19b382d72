/** Why a session ended before its time. `reuse`: a refresh token was used again, so that somebody else may have it. */
export const SESSION_ENDS = ['logout', 'logout_all', 'password', 'role', 'disabled', 'reuse'] as const;
export type SessionEnd = (typeof SESSION_ENDS)[number];

/** What a session's next access token says. */
export interface SessionUser {
  sessionId: string;
  userId: string;
  role: string;
  /** When it began. */
  signedInAt: Date;
}
