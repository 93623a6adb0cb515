// Lets the conformance suite start on this Node, which has no `fs.globSync`: the commands that are run here
// do not call it.
import { register } from 'node:module';

const fs = 'export * from "node:fs"; export const globSync = () => [];';
const hook = `
  const fs = 'data:text/javascript,' + encodeURIComponent(${JSON.stringify(fs)});
  export async function resolve(specifier, context, next) {
    const isOfSuite = context.parentURL?.includes('/@modelcontextprotocol/conformance/');
    return specifier === 'fs' && isOfSuite
      ? { url: fs, shortCircuit: true }
      : next(specifier, context);
  }
`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
