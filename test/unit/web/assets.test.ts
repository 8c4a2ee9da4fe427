import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { createAssets } from '../../../src/platform/web/assets.js';
import { securityHeaders } from '../../../src/platform/web/security-headers.js';
import { temporaryFolder } from '../../support/folder.js';
import { type FakeRequest, fakeContext } from './fake-context.js';

function folderWith(files: Record<string, string>): string {
  const dir = temporaryFolder();
  mkdirSync(join(dir, 'assets'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, 'assets', name), text);
  return dir;
}

const assets = createAssets([folderWith({ 'style.css': 'a{}', 'notes.txt': 'private' })]);

async function get(url: string, request: FakeRequest = {}) {
  const ctx = fakeContext({ url, ...request });
  await assets.middleware(ctx, async () => {});
  return ctx;
}

test.each([
  '/assets/../package.json',
  '/assets/%2e%2e/x',
  '/assets/notes.txt',
  '/assets/',
  '/assets/none.css',
])('%s is not served', async (url) => {
  expect((await get(url)).status).toBe(404);
});

test('a post is not answered by a file', async () => {
  expect((await get('/assets/style.css', { method: 'POST' })).status).toBe(404);
});

test('the address with the hash may be kept for ever, another may not', async () => {
  const kept = await get(assets.href('style.css'));
  expect(kept.response.get('Cache-Control')).toContain('immutable');
  expect(String(kept.body)).toBe('a{}');
  expect((await get('/assets/style.css?v=old')).response.get('Cache-Control')).toBe('no-cache');
});

test('a browser that has it is told so', async () => {
  const etag = (await get('/assets/style.css')).response.get('ETag');
  expect((await get('/assets/style.css', { headers: { 'if-none-match': etag } })).status).toBe(304);
});

test('a later folder overrides a file and changes its address', () => {
  const dirs = [folderWith({ 'style.css': 'a{}' }), folderWith({ 'style.css': 'b{}' })];
  expect(createAssets(dirs).href('style.css')).not.toBe(createAssets(dirs.slice(0, 1)).href('style.css'));
});

test.each([
  ['https://id.example', true],
  ['http://localhost:5000', false],
])('%s: strict transport %s, the other headers always', async (issuer, strict) => {
  const ctx = fakeContext();
  await securityHeaders({ issuer })(ctx, async () => {});
  expect(Boolean(ctx.response.get('Strict-Transport-Security'))).toBe(strict);
  expect(ctx.response.headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'same-origin',
    'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
    'permissions-policy': expect.stringContaining('publickey-credentials-get=(self)'),
  });
});
