import { canParse } from '../net/can-parse.js';
import type { WayOn } from '../errors/errors.js';

/** An OAuth error as the library or our own endpoints raise it. */
export interface OAuthFault {
  /** `invalid_request`, `invalid_client`, … */
  readonly error: string;
  readonly description?: string;
  /** The class, which tells apart what shares one code: `SessionNotFound` is an `invalid_request`. */
  readonly kind?: string;
}

/** What the caller knows about the request that failed. All of it is untrusted text. */
export interface FaultContext {
  readonly clientName?: string;
  readonly redirectUri?: string;
  /** Begins the same sign-in again; a path of ours. */
  readonly startAgainHref?: string;
  /** The application's home page as registered; http(s) only. */
  readonly applicationHref?: string;
  /** For whoever is answerable for the client: an administrator or its owner. */
  readonly operator?: { readonly redirectUris: readonly string[]; readonly editHref?: string };
}

export interface Explanation {
  readonly title: string;
  readonly message: string;
  /** For the application's developer. */
  readonly help?: string;
  readonly waysOn: readonly WayOn[];
}

type Words = Omit<Explanation, 'waysOn'>;

const EXPIRED: Words = {
  title: 'This sign-in attempt has expired',
  message:
    'It was open for too long, was already finished in another tab, or your browser did not send its cookie. ' +
    'Nothing is lost: start again and you will get to the same place.',
};
/** Where this browser holds nothing to start again with: then only the application can. */
const EXPIRED_ELSEWHERE: Words = {
  title: EXPIRED.title,
  message:
    'It was open for too long, was already finished in another tab, or your browser did not send its cookie. ' +
    'Nothing is lost: go back to the application and sign in from there once more.',
};

const BY_CODE: ReadonlyMap<string, Words> = new Map(
  Object.entries<Words>({
    access_denied: {
      title: 'Access was not allowed',
      message: 'The request was declined, so the application gets nothing.',
    },
    invalid_request_uri: {
      title: 'This sign-in link was already used',
      message:
        'The application prepared a request that has expired or was used before. Start again from the application.',
      help: 'A request_uri from the pushed authorization request endpoint works once and for a short time.',
    },
    unauthorized_client: {
      title: 'The application may not do this',
      message: 'It asked for a way of signing in that is not part of its registration.',
      help: 'Compare grant_type and response_type of the registration with what the request asks for.',
    },
    unsupported_response_type: {
      title: 'This kind of sign-in is not offered',
      message: 'The application asked for an answer this server does not give.',
      help: 'response_type "code" is always available; "token" alone never is. Implicit answers need LEGACY_FLOWS.',
    },
    unsupported_response_mode: {
      title: 'This kind of answer is not offered',
      message: 'The application asked to be answered in a way this server does not support.',
    },
    invalid_scope: {
      title: 'The application asked for too much',
      message: 'It asked for permissions it is not registered for.',
    },
    invalid_target: {
      title: 'Unknown service',
      message: 'The application asked for access to a service this server does not know.',
      help: 'The resource parameter must name a registered resource (RFC 8707).',
    },
    login_required: {
      title: 'Please sign in first',
      message: 'The application asked not to show a sign-in page, but nobody is signed in.',
    },
    temporarily_unavailable: {
      title: 'Busy for a moment',
      message: 'The service cannot answer right now. Please try again in a few seconds.',
    },
    server_error: {
      title: 'Something went wrong on our side',
      message:
        'The problem has been logged. Please try again; if it persists, give the operator the reference below.',
    },
  }),
);

const OTHERWISE: Words = {
  title: 'The application sent a request we cannot answer',
  message:
    'This is usually a mistake in the application, not something you did. Go back to it and try once more.',
};

/** Says to a person what an OAuth error means and where to go from it; never an unregistered address. */
export function explain(fault: OAuthFault, context: FaultContext = {}): Explanation {
  const words = wordsFor(fault, context);
  const waysOn: WayOn[] = [];
  if (context.startAgainHref !== undefined && canStartAgain(fault)) {
    waysOn.push({ label: 'Start again', href: context.startAgainHref });
  }
  if (context.applicationHref !== undefined && isWebAddress(context.applicationHref)) {
    waysOn.push({
      label: `Back to ${context.clientName ?? 'the application'}`,
      href: context.applicationHref,
    });
  }
  if (fault.error === 'invalid_redirect_uri' && context.operator?.editHref !== undefined) {
    waysOn.push({ label: 'Edit this client', href: context.operator.editHref });
  }
  if (waysOn.length === 0) waysOn.push({ label: 'Home page', href: '/' });
  const help = words.help ?? fault.description;
  return { title: words.title, message: words.message, ...(help === undefined ? {} : { help }), waysOn };
}

function wordsFor(fault: OAuthFault, context: FaultContext): Words {
  if (fault.kind === 'SessionNotFound' || fault.error === 'interaction_expired')
    return context.startAgainHref === undefined ? EXPIRED_ELSEWHERE : EXPIRED;
  if (fault.error === 'invalid_redirect_uri') return unregistered(context);
  // At a page, this code has one cause: the request names no client we know.
  if (fault.error === 'invalid_client') return UNKNOWN_CLIENT;
  return BY_CODE.get(fault.error) ?? OTHERWISE;
}

const UNKNOWN_CLIENT: Words = {
  title: 'Unknown application',
  message: 'The link that brought you here names an application that is not registered with this server.',
  help: 'Check client_id: it is compared exactly, and the client may have been deleted.',
};

function unregistered(context: FaultContext): Words {
  const address = context.redirectUri === undefined ? 'it gave' : shorten(context.redirectUri);
  return {
    title: 'This address is not registered',
    message:
      `The address ${address} is not registered for ${context.clientName ?? 'this application'}, ` +
      `so we have not sent you there.${registered(context)}`,
    help:
      'redirect_uri is compared exactly with the registered ones: scheme, host, port, path, case and trailing slash. ' +
      'Only loopback addresses of native applications may differ in their port.',
  };
}

/** Only for those who may see it: strangers learn nothing of what is registered. */
function registered({ operator }: FaultContext): string {
  if (operator === undefined) return '';
  const list = operator.redirectUris.map(shorten).join(', ');
  return list ? ` Registered are: ${list}.` : ' No address is registered.';
}

const shorten = (address: string): string => (address.length > 200 ? `${address.slice(0, 199)}…` : address);

const NOT_AGAIN = new Set([
  'invalid_redirect_uri',
  'invalid_client',
  'unauthorized_client',
  'invalid_request_uri',
]);

const canStartAgain = (fault: OAuthFault): boolean => !NOT_AGAIN.has(fault.error);

const isWebAddress = (href: string): boolean => canParse(href) && /^https?:$/.test(new URL(href).protocol);
