/**
 * As `URL.canParse`, which on Node 20 is not to be trusted: once it has been called some thousand times and is
 * compiled, it refuses every address with a letter such as `ü` in it.
 */
export function canParse(address: string, base?: string): boolean {
  try {
    new URL(address, base);
    return true;
  } catch {
    return false;
  }
}
