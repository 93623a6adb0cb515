// A page of a customer's app, with the platform's React SDK.
import { useState } from 'react';
import { createRoot } from 'react-dom/client';

import {
  DynamicContextProvider, getAuthToken, useDynamicContext, useExternalAuth, useRefreshAuth, useRefreshUser,
} from '@dynamic-labs/sdk-react-core';

function Client() {
  const { sdkHasLoaded, user, handleLogOut } = useDynamicContext();
  const { signInWithExternalJwt } = useExternalAuth();
  const refreshUser = useRefreshUser();
  const refreshAuth = useRefreshAuth();
  const [jwt, setJwt] = useState('');
  const [last, setLast] = useState({ done: 0 });
  const act = (name, run) => async () => {
    let error = null;
    try {
      await run();
    } catch (caught) {
      error = { code: caught?.code, message: String(caught?.message ?? caught) };
    }
    setLast(({ done }) => ({ name, error, done: done + 1 }));
  };
  const given = () => (jwt ? { externalUserId: 'unused', externalJwt: jwt } : {});
  const state = { sdkHasLoaded, user: user ?? null, token: getAuthToken() ?? null, ...last };
  return (
    <>
      <textarea id="jwt" value={jwt} onChange={({ target }) => setJwt(target.value)} />
      <button type="button" id="sign-in" onClick={act('sign-in', () => signInWithExternalJwt(given()))} />
      <button type="button" id="refresh-user" onClick={act('refresh-user', refreshUser)} />
      <button type="button" id="refresh-session" onClick={act('refresh-session', refreshAuth)} />
      <button type="button" id="log-out" onClick={act('log-out', handleLogOut)} />
      <pre id="state">{JSON.stringify(state)}</pre>
    </>
  );
}

const settings = Object.fromEntries(new URLSearchParams(window.location.search));
createRoot(document.getElementById('root')).render(
  <DynamicContextProvider settings={settings}><Client /></DynamicContextProvider>,
);
