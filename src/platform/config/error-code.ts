/** The `code` of a system error (`ENOENT`), whatever realm made it: jest's files live in another than node's. */
export function errorCode(error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
