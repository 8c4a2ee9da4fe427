import { UpstreamError } from '../platform/errors/errors.js';
import type { LoginTransaction } from './relying-party.js';

/** An upstream's fault with the login it ended. Without one, the fault is answered where it was met. */
export class FailedLogin extends UpstreamError {
  readonly transaction: LoginTransaction | undefined;

  constructor(cause: UpstreamError, transaction: LoginTransaction | undefined) {
    const { fault, message, status, headers, detail } = cause;
    super(fault, message, { status, headers, cause, ...(detail === undefined ? {} : { detail }) });
    this.transaction = transaction;
  }
}

/** Unknown, used, late, or another browser's: one answer, which tells a stranger nothing. */
export const unknownLogin = (detail: string): UpstreamError =>
  new UpstreamError(
    'state',
    'This sign-in is not known here any more. It took too long, was used already, or began in another browser. Please start again.',
    { status: 403, detail },
  );

export const notAllowed = (message: string, detail: string): UpstreamError =>
  new UpstreamError('not_allowed', message, { status: 403, detail });

export const linkedElsewhere = (title: string): UpstreamError =>
  new UpstreamError(
    'linked_elsewhere',
    `This ${title} account is connected to another account here already.`,
  );
