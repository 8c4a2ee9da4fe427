import { describe, expect, test } from '@jest/globals';
import { completeMetadata } from '../../../src/clients/complete-metadata.js';
import { formMetadata } from '../../../src/clients/form.js';
import { metadataFaults } from '../../../src/clients/metadata-rules.js';
import { PRESETS, presetForm } from '../../../src/clients/presets.js';
import { DEFAULT_RULES } from '../../../src/clients/server-rules.js';

describe('presets', () => {
  test.each(PRESETS.map(({ id }) => id))('%s needs a name and at most a redirect URI', (id) => {
    const form = presetForm(id);
    const redirect_uri = form.redirect_uri || 'https://a.example/cb';
    const metadata = formMetadata({ ...form, client_name: 'App', redirect_uri });
    expect(metadataFaults(completeMetadata(metadata), DEFAULT_RULES)).toEqual([]);
    expect(form.require_pkce).toBe(true);
  });
});
