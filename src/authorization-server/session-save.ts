import { Provider, type Session } from 'oidc-provider';

/**
 * The library's error handler of the device page begins a session for the form it shows, after the place
 * where new sessions are saved, and then throws on finding it unsaved: a posted code from a browser without a
 * session would be a 500. Here such a session is saved and handed to the browser, so that the form works.
 */
export function installFirstSave(provider: Provider, settings: { ttl: number; secure: boolean }): void {
  const saved = (provider.Session.prototype as Session).persist;
  const cookie = { httpOnly: true, sameSite: 'lax', path: '/', signed: true, overwrite: true } as const;

  async function persist(this: Session): Promise<string> {
    if (typeof this.exp === 'number') return saved.call(this);
    const { secure } = settings;
    Provider.ctx?.cookies.set(provider.cookieName('session'), this.jti, { ...cookie, secure });
    return this.save(settings.ttl);
  }
  Object.assign(provider.Session.prototype, { persist });
}
