// Runs exchanges in Node: main.js HOST PORT VERSION PREFIX EXCHANGE... A HOST that begins with ws:// is a WebSocket's.

import { run } from './exchanges.js'

const [host, port, version, prefix, ...names] = process.argv.slice(2)
const [protocol, address] = host.includes('://') ? host.split('://') : ['mqtt', host]
const well = await run({ protocol, host: address, port, path: '/mqtt' }, version, prefix, names, console.log)
process.exit(well ? 0 : 1)
