/**
 * PostgreSQL ends by itself when jest has ended. Where a test left a connection open, jest would never end:
 * then the server goes first, after the report, and the broken connection makes the run fail instead of hang.
 */
const GRACE_MS = 3_000;

export default function stopPostgres(): void {
  const server = globalThis.posternTestPostgres;
  setTimeout(() => server?.stdin?.end(), GRACE_MS).unref();
}
