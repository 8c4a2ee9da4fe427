import type { Context } from 'koa';
import type { Account } from '../accounts/account.js';
import type { RequestInfo } from '../platform/audit/audit.js';
import type { FieldFault } from '../platform/errors/errors.js';
import type { Form } from '../platform/web/body.js';
import type { RenderView } from '../platform/web/render-view.js';
import type { LinkedAccounts } from './linked-accounts.js';
import type { ProveAgain, SignedIn } from './prove-again.js';
import type { Upstream } from './upstream.js';

/**
 * Asked before an upstream is connected to the account of an open session: a link, our own `next` included, must
 * not do it, nor whoever else sits at the session, for what is connected opens the account for good.
 */
export interface ConnectQuestion {
  /** Whether a GET goes on without it. */
  isNeedless(ctx: Context, current: SignedIn, upstream: Upstream): Promise<boolean>;
  show(ctx: Context, current: SignedIn, asked: AskedConnection): Promise<void>;
  /** Whether the posted form settles it; otherwise the page stands there again. */
  settled(ctx: Context, current: SignedIn, asked: AskedConnection, form: Form): Promise<boolean>;
}

/** An address that was typed, or a program's request: browsers tell of every link that was followed. */
function isLedByNobody(ctx: Context): boolean {
  const site = ctx.get('Sec-Fetch-Site');
  return site === '' || site === 'none';
}

export interface AskedConnection {
  readonly upstream: Upstream;
  /** The door's own: GET asks, POST goes on. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
}

interface Dependencies {
  readonly linkedAccounts: Pick<LinkedAccounts, 'list'>;
  readonly proveAgain: ProveAgain;
  /** Whoever does not want to. */
  readonly stayHref: string;
  readonly renderView: RenderView;
  readonly requestInfo: (ctx: Context) => RequestInfo;
}

export function createConnectQuestion(deps: Dependencies): ConnectQuestion {
  const { linkedAccounts, proveAgain } = deps;

  /** The account has somebody of this upstream already: the login connects nothing. */
  async function isConnected({ id }: Account, upstream: Upstream): Promise<boolean> {
    const all = await linkedAccounts.list(id);
    return all.some(({ upstreamId, identity }) => upstreamId === upstream.id && identity !== undefined);
  }

  async function show(
    ctx: Context,
    current: SignedIn,
    { upstream, path, query }: AskedConnection,
    faults: readonly FieldFault[] = [],
  ): Promise<void> {
    const { account } = current;
    const proof = (await isConnected(account, upstream))
      ? { askPassword: false }
      : await proveAgain.asked(current, `${path}?${new URLSearchParams(query)}`);
    deps.renderView(
      ctx,
      'connect',
      {
        action: path,
        hidden: query,
        title: upstream.title,
        username: account.username,
        ...proof,
        stayHref: deps.stayHref,
        faults,
      },
      {
        title: `Connect ${upstream.title}?`,
        status: faults.length > 0 ? 400 : 200,
        account: { name: account.username },
      },
    );
  }

  return {
    async isNeedless(ctx, { session, account }, upstream) {
      if (await isConnected(account, upstream)) return true;
      return isLedByNobody(ctx) && proveAgain.isFresh(session);
    },
    show,
    async settled(ctx, current, asked, form) {
      if (await isConnected(current.account, asked.upstream)) return true;
      const fault = await proveAgain.fault(current, form, deps.requestInfo(ctx));
      if (fault === undefined) return true;
      // The button of the linked accounts page has no field for it.
      await show(ctx, current, asked, form.password === undefined ? [] : [fault]);
      return false;
    },
  };
}
