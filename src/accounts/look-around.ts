/** For the pages that end a way back into an account: what a thief may have left there is not all taken away. */
export const LOOK_AROUND = {
  note:
    'Then look at your linked accounts and your API keys, whether everything there is yours: both outlast ' +
    'sign-ins, so somebody else’s would go on working.',
  waysOn: [
    { label: 'Linked accounts', href: '/account/settings/linkedaccounts/' },
    { label: 'API keys', href: '/account/api-keys' },
  ],
};
