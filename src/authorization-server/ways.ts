import type { Middleware } from 'koa';
import { anonymous, corrected, noNestedPush, unauthorizedClient } from './answer-corrections.js';
import type { ClientGuesses } from './client-guesses.js';
import { ROUTES } from './configuration.js';
import { DOCUMENTS } from './documents.js';
import { attended, type Attendant, type Chain, createLanes, type Lanes } from './lanes.js';
import { acceptMultipart } from './multipart.js';
import { exactPaths, PROTOCOL_POSTS, postOnly, requestByPost, uncached } from './route-guards.js';

interface Steps {
  /** Applies what the library gathered, unless something within has thrown. */
  readonly units: Attendant;
  readonly guesses: ClientGuesses['attendant'];
  readonly clientTests: Middleware;
  /** Refuse what the library would take or fail at: forms of other origins, strange resume addresses, many codes. */
  readonly guards: readonly Middleware[];
  readonly quietCookie: Middleware;
  /** The library's own forms, in our dress. */
  readonly dressed: Middleware;
  /** Of the two documents: what the library says that is not so, and the dserver key. */
  readonly discovery: readonly unknown[];
  readonly documents: Middleware;
  /** Within the units: what it refuses is not applied. */
  readonly noteSession: unknown;
  readonly library: Middleware;
}

/** What each request passes on its way to the library, the outermost first. */
export function createWays(steps: Steps): Lanes {
  const { units, guesses, clientTests, noteSession, library } = steps;
  const corrections = corrected([unauthorizedClient, anonymous, noNestedPush]);
  const programs: Chain = [uncached, postOnly(PROTOCOL_POSTS), acceptMultipart(PROTOCOL_POSTS)];
  const begun: Chain = [clientTests, requestByPost];
  const browsers: Chain = [steps.quietCookie, attended([units]), steps.dressed];

  const wide: Chain = [
    exactPaths,
    ...begun,
    ...steps.guards,
    ...programs,
    ...browsers,
    ...steps.discovery,
    attended([corrections]),
    noteSession,
    library,
  ];
  return createLanes(wide, [
    [PROTOCOL_POSTS, [...programs, attended([units, corrections, guesses]), library]],
    [[ROUTES.userinfo], [attended([units]), library]],
    [DOCUMENTS, [steps.documents, ...steps.discovery, library]],
    [[ROUTES.authorization], [...begun, ...browsers, noteSession, library]],
  ]);
}
