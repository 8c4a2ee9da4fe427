/** What `work` answers, or `undefined` where it fails with this code. */
export async function ignoring<T>(code: string, work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (typeof error === 'object' && error !== null && 'code' in error && error.code === code)
      return undefined;
    throw error;
  }
}
