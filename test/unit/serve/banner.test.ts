import { describe, expect, test } from '@jest/globals';
import { type BannerFacts, renderBanner } from '../../../src/serve/banner.js';

const facts: BannerFacts = {
  url: 'http://localhost:5000',
  version: '0.1.0',
  production: false,
  database: './data/postern.sqlite',
  signingKeys: [
    { alg: 'RS256', kid: 'k-one' },
    { alg: 'ES256', kid: 'k-two' },
  ],
  demo: true,
};

describe('the start-up lines', () => {
  test('hold no password line when no password was made', () => {
    const text = renderBanner({ ...facts, administrator: { username: 'admin' } });
    expect(text).not.toMatch(/password/i);
    expect(text).toMatch(/Administrator +admin\n/);
  });

  test('hold no administrator when there is nothing to tell', () => {
    expect(renderBanner(facts)).not.toContain('Administrator');
  });

  test('show the one-time password once, with its end', () => {
    const text = renderBanner({
      ...facts,
      administrator: { username: 'admin', oneTimePassword: 'only-now' },
    });
    expect(text.split('only-now')).toHaveLength(2);
    expect(text).toContain('24 hours');
    expect(text).toContain('sign in as admin');
  });

  test('name the address, the database, every key and what to do next', () => {
    const text = renderBanner(facts);
    for (const part of ['http://localhost:5000', './data/postern.sqlite', 'RS256 k-one', 'ES256 k-two']) {
      expect(text).toContain(part);
    }
    expect(text).toContain('http://localhost:5000/create_client');
    expect(text).toContain('npm run -s cli -- --help');
  });

  test('name Try the flow where there is one', () => {
    expect(renderBanner(facts)).toMatch(/Try the flow +http:\/\/localhost:5000\/demo /);
    expect(renderBanner({ ...facts, demo: false })).not.toContain('/demo');
  });

  test('name the backup taken before a migration', () => {
    expect(renderBanner({ ...facts, backup: 'data/backups/x.sqlite' })).toContain('data/backups/x.sqlite');
  });
});
