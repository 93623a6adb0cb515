// The platform's SDK against a gateway of one's own. `coreConfig.apiBaseUrl` is all that differs
// from any other app.
import {
  checkStepUpAuth, createDynamicClient, initializeClient, logout, onEvent, refreshAuth, refreshUser,
  requestExternalAuthElevatedToken, signInWithExternalJwt,
} from '@dynamic-labs-sdk/client';

const field = (id) => document.getElementById(id);
const jwt = () => field('jwt').value.trim();
const SCOPE = 'wallet:export';
let client;
let done = 0;

const actions = {
  async start() {
    client = createDynamicClient({
      autoInitialize: false,
      environmentId: field('environment').value,
      coreConfig: { apiBaseUrl: field('api').value },
      instrumentation: { enabled: false },
    });
    onEvent({ event: 'logout', listener: () => show('signed out') }, client);
    await initializeClient(client);
  },
  'sign-in': () => signInWithExternalJwt(jwt() ? { externalJwt: jwt() } : {}, client),
  'step-up': () => requestExternalAuthElevatedToken({ externalJwt: jwt() }, client),
  'refresh-user': () => refreshUser(client),
  'refresh-session': () => refreshAuth(client),
  'log-out': () => logout(client),
};

for (const [id, act] of Object.entries(actions)) {
  field(id).addEventListener('click', async () => {
    let error = null;
    let stepUpRequired = null;
    try {
      await act();
      if (client.user) ({ isRequired: stepUpRequired } = await checkStepUpAuth({ scope: SCOPE }, client));
    } catch (caught) {
      error = { name: caught.constructor.name, code: caught.code, message: caught.message };
    }
    done += 1;
    show(id, { done, error, stepUpRequired });
  });
}

function show(last, more) {
  const { user = null, token = null } = client ?? {};
  field('state').textContent = JSON.stringify({ last, ...more, hasToken: token !== null, user }, null, 2);
}
