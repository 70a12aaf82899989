'use strict';

/* Bitcoin on regtest where bitcoind cannot be had: bcoin 1.0.2 from npm (2018, no taproot), made to speak as Bitcoin Core
 * does wherever `drive.py` and the connector look. For development and tests alone.
 *
 * usage: BCOIN_HTTP_PORT=.. BCOIN_API_KEY=.. node bcoin.js FOLDER      (or: node bcoin.js --version)
 *
 * FOLDER keeps the blocks. The mempool is forgotten at the end, and the wallet is one key that everybody knows. */

process.env.NODE_BACKEND = 'js'; // pure JavaScript cryptography: the package is installed without compiling

const fs = require('fs');
const path = require('path');
const Module = require('module');

const loadModule = Module._load;
Module._load = function load(request, ...others) {
  // The chain database lives in memory, so the native LevelDB that was not compiled is never touched.
  return request === 'leveldown' ? class NoLevelDown {} : loadModule.call(this, request, ...others);
};

const { version } = require('bcoin/package.json');
const networks = require('bcoin/lib/protocol/networks');

// Core's prefixes; bcoin has its own for regtest. Set before anything reads them.
Object.assign(networks.regtest.addressPrefix, { pubkeyhash: 0x6f, scripthash: 0xc4, bech32: 'bcrt' });
Object.assign(networks.regtest.keyPrefix, {
  privkey: 0xef, xpubkey: 0x043587cf, xprivkey: 0x04358394, xpubkey58: 'tpub', xprivkey58: 'tprv',
});
require('bcoin/lib/protocol/network').set('regtest');

const FullNode = require('bcoin/lib/node/fullnode');
const Address = require('bcoin/lib/primitives/address');
const Block = require('bcoin/lib/primitives/block');
const KeyRing = require('bcoin/lib/primitives/keyring');
const MTX = require('bcoin/lib/primitives/mtx');
const Output = require('bcoin/lib/primitives/output');
const TX = require('bcoin/lib/primitives/tx');
const { BufferReader } = require('bufio');

const OWN_KEY = KeyRing.fromPrivate(Buffer.alloc(32, 1));
const FEE_RATE = 20000; // satoshi per 1000 bytes, as bitcoind's -fallbackfee here
const SHOWN_VERSION = 220000; // of Bitcoin Core; what it speaks here is that old
// Core's rpc/protocol.h
const NOT_FOUND = -5;
const REFUSED = -26;

class Refusal extends Error {
  constructor(code, message) {
    super(message);
    this.type = 'RPCError';
    this.code = code;
  }
}

/** Core's calls, for those that bcoin lacks or answers differently. */
function speakAsCore(node) {
  const stock = node.rpc.calls;
  const original = (name) => {
    const call = stock[name];
    return (args) => call.call(node.rpc, args, false);
  };
  const network = original('getnetworkinfo');
  const block = original('getblock');
  const calls = {
    getnetworkinfo: async (args) => ({ ...await network(args), version: SHOWN_VERSION }),
    // Verbosity is a number in Core and two booleans here.
    getblock: ([hash, verbosity = 1]) => block([hash, verbosity > 0, verbosity > 1]),
    createwallet: ([name]) => ({ name, warning: '' }),
    loadwallet: ([name]) => ({ name, warning: '' }),
    getnewaddress: () => OWN_KEY.getAddress('string', node.network),
    fundrawtransaction: async ([raw]) => fund(node, raw),
    signrawtransactionwithwallet: async ([raw]) => sign(node, raw),
    sendrawtransaction: async ([raw]) => send(node, raw),
    reorg: async ([depth, blocks]) => reorg(node, depth, blocks),
  };
  for (const name of ['getmempoolentry', 'getrawtransaction'])
    calls[name] = notFoundAsCore(original(name));
  for (const [name, call] of Object.entries(calls))
    stock[name] = async (args) => call(args);
  node.http.post('/wallet/:name', async (request, response) => {
    response.json(200, await node.rpc.call(request.body, request.query));
  });
}

function notFoundAsCore(call) {
  return async (args) => {
    try {
      return await call(args);
    } catch (error) {
      throw /not (found|in mempool)/i.test(error.message) ? new Refusal(NOT_FOUND, error.message) : error;
    }
  };
}

/** Adds inputs of ours, and change as the last output. bcoin would take "no inputs" for the mark of a witness. */
async function fund(node, raw) {
  const reader = new BufferReader(Buffer.from(raw, 'hex'));
  const transaction = new MTX();
  transaction.version = reader.readU32();
  if (reader.readVarint() !== 0)
    throw new Refusal(REFUSED, 'inputs are chosen here');
  for (let left = reader.readVarint(); left > 0; left--)
    transaction.outputs.push(Output.fromReader(reader));
  const changeAddress = OWN_KEY.getAddress();
  const coins = await node.getCoinsByAddress([changeAddress]);
  const { fee } = await transaction.fund(coins, { rate: FEE_RATE, height: node.chain.height, changeAddress, selection: 'age' });
  return { hex: transaction.toRaw().toString('hex'), fee: fee / 1e8, changepos: transaction.changeIndex };
}

async function sign(node, raw) {
  const transaction = MTX.fromRaw(Buffer.from(raw, 'hex'));
  for (const { prevout } of transaction.inputs) {
    const coin = node.mempool.getCoin(prevout.hash, prevout.index) || await node.chain.getCoin(prevout.hash, prevout.index);
    if (coin)
      transaction.view.addCoin(coin);
  }
  await transaction.signAsync(OWN_KEY);
  return { hex: transaction.toRaw().toString('hex'), complete: transaction.isSigned() };
}

/** Stock bcoin answers with an id even where its mempool refused. */
async function send(node, raw) {
  const transaction = TX.fromRaw(Buffer.from(raw, 'hex'));
  let missing;
  try {
    missing = await node.mempool.addTX(transaction);
  } catch (error) {
    throw new Refusal(REFUSED, error.message);
  }
  if (missing)
    throw new Refusal(REFUSED, 'an input is missing or spent');
  return transaction.txid();
}

/** Mines `count` empty blocks on the block `depth` below the tip; with `count` > `depth` they become the chain. */
async function reorg(node, depth, count) {
  const hashes = [];
  let tip = await node.chain.getEntry(node.chain.height - depth);
  for (; hashes.length < count; hashes.push(tip.rhash())) {
    const job = await node.miner.cpu.createJob(tip, OWN_KEY.getAddress());
    Object.assign(job.attempt, { items: [], fees: 0 });
    job.attempt.refresh();
    tip = await node.chain.add(await node.miner.cpu.mineAsync(job));
  }
  return hashes;
}

/**
 * Stock bcoin drops the transactions of a block taken back if no others wait at that moment, and after a reorg whatever
 * spends a coinbase, however old. Ours are old: the oldest are spent first.
 */
function keepWhatIsTakenBack(mempool) {
  mempool._handleReorg = async () => {};
  const stock = mempool._removeBlock.bind(mempool);
  mempool._removeBlock = async (block, transactions) => {
    if (mempool.map.size > 0) {
      await stock(block, transactions);
      return;
    }
    for (const transaction of transactions.slice(1)) {
      try {
        await mempool.insertTX(transaction, -1);
      } catch (error) {
        mempool.emit('error', error);
      }
    }
    mempool.cache.sync(block.prevBlock);
    await mempool.cache.flush();
    mempool.tip = block.prevBlock;
  };
}

/** Reads the kept blocks, one a line in the order in which they joined the chain, and keeps those that follow. */
async function keepBlocks(chain, file) {
  const lines = fs.existsSync(file) ? fs.readFileSync(file, 'ascii').split('\n') : [''];
  lines.pop(); // empty, or what was being written when the power went
  for (const line of lines) {
    const block = Block.fromRaw(Buffer.from(line, 'hex'));
    if (!await chain.hasEntry(block.hash('hex')))
      await chain.add(block);
  }
  fs.writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
  chain.on('connect', (_, block) => fs.appendFileSync(file, `${block.toRaw().toString('hex')}\n`));
}

async function main(folder) {
  const node = new FullNode({
    network: 'regtest', prefix: folder, memory: true, indexTX: true, indexAddress: true, workers: false, listen: false,
    httpHost: '127.0.0.1', httpPort: Number(process.env.BCOIN_HTTP_PORT), apiKey: process.env.BCOIN_API_KEY,
    logFile: false, logConsole: true, logLevel: 'warning',
  });
  const stop = () => node.close().then(() => process.exit(0), () => process.exit(1));
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  speakAsCore(node);
  keepWhatIsTakenBack(node.mempool);
  // Nobody may ask before the kept blocks are read: a chain that is short for a moment would look like another one.
  const listen = node.http.open.bind(node.http);
  node.http.open = async () => {};
  await node.open();
  await keepBlocks(node.chain, path.join(folder, 'blocks.hex'));
  await listen();
}

if (process.argv[2] === '--version') {
  console.log(`bcoin ${version}`);
} else {
  main(process.argv[2]).catch((error) => {
    console.error(error.stack);
    process.exit(1);
  });
}
