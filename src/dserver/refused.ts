import { PosternError } from '../platform/errors/errors.js';

/** Somebody is who they say and gets no dserver token all the same. The message is theirs to read. */
export class MintRefused extends PosternError {
  constructor(code: string, message: string) {
    super(403, code, message);
  }
}
