import { PageError, type UpstreamError, type UpstreamFault, type WayOn } from '../platform/errors/errors.js';

const TITLES: Readonly<Record<UpstreamFault, string>> = {
  state: 'This sign-in cannot go on',
  denied: 'You rejected the sign-in',
  refused: 'The sign-in was refused there',
  invalid: 'The answer could not be trusted',
  unreachable: 'The other server does not answer',
  not_configured: 'This way of signing in is off',
  not_allowed: 'You cannot come in this way',
  linked_elsewhere: 'It is connected to another account',
  nameless: 'The other server did not say who you are',
};

/** The local form, which is there whatever becomes of an upstream. */
export const LOCAL_FORM: WayOn = { label: 'Sign in here', href: '/login?local=1' };

interface FailurePage {
  readonly waysOn?: readonly WayOn[];
  /** Of a state that is not known here, at doors whose original said something else than 403. */
  readonly stateStatus?: number;
}

/** A failed login as a page of ours; it leads on to the local form unless told otherwise. */
export const loginFailure = (
  { fault, status, code, message, detail, headers }: UpstreamError,
  { waysOn = [LOCAL_FORM], stateStatus = status }: FailurePage = {},
): PageError =>
  new PageError(fault === 'state' ? stateStatus : status, code, TITLES[fault], message, {
    waysOn,
    headers,
    ...(detail === undefined ? {} : { detail }),
  });
