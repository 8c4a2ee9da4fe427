/**
 * How `DATABASE_TIMEOUT_MS` is shared out, so that whoever asked is answered within it on a busy machine too:
 * the wait for a connection and the work end together well before; PostgreSQL itself, whose answer says more and
 * leaves the connection usable, a little before that; what would have no time left is not begun at all.
 */
export const patience = (timeoutMs: number) => ({
  connectionMs: Math.round(timeoutMs * 0.6),
  serverMs: Math.round(timeoutMs * 0.7),
  wholeMs: Math.round(timeoutMs * 0.8),
});
