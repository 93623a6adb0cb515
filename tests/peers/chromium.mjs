// Debian's Chromium without a window, and without what it would ask the network for.
import { chromium } from 'playwright-core';

/** With further arguments, if there are any. */
export const launch = (further = []) => chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync', ...further,
  ],
});
