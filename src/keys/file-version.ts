import { stat } from 'node:fs/promises';

/** Another text after the file was written or exchanged. */
export async function fileVersion(path: string): Promise<string> {
  const { mtimeMs, size, ino } = await stat(path);
  return `${mtimeMs}/${size}/${ino}`;
}
