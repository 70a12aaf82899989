'use strict';

/* Bitcoin on regtest where bitcoind cannot be had, by bcoin 1.0.2 (2018, no taproot); Bitcoin Cash by bcash 1.1.1 (2019,
 * the rules of that year). Both come from npm and are patched here to speak as Bitcoin Core does wherever `drive.py` and
 * the connector look. For development and tests alone.
 *
 * usage: BCOIN_HTTP_PORT=.. BCOIN_API_KEY=.. node bcoin.js bcoin|bcash FOLDER      (or: node bcoin.js bcoin --version)
 *
 * FOLDER keeps the blocks. The mempool is forgotten at the end, and the wallet is one key that everybody knows. */

process.env.NODE_BACKEND = 'js'; // pure JavaScript cryptography: the package is installed without compiling

const fs = require('fs');
const path = require('path');
const Module = require('module');

const [PACKAGE, FOLDER] = process.argv.slice(2);

const loadModule = Module._load;
Module._load = function load(request, ...others) {
  // The chain database lives in memory, so the native LevelDB that was not compiled is never touched.
  if (request === 'leveldown')
    return class NoLevelDown {};
  const loaded = loadModule.call(this, request, ...others);
  return request === 'loady' ? (name, folder) => (name === 'leveldown' ? {} : loaded(name, folder)) : loaded;
};

const { version } = require(`${PACKAGE}/package.json`);
const networks = require(`${PACKAGE}/lib/protocol/networks`);

// Core's prefixes; bcoin and bcash have their own for regtest. Set before anything reads them.
Object.assign(networks.regtest.addressPrefix, { pubkeyhash: 0x6f, scripthash: 0xc4 });
if (PACKAGE === 'bcoin')
  networks.regtest.addressPrefix.bech32 = 'bcrt';
Object.assign(networks.regtest.keyPrefix, {
  privkey: 0xef, xpubkey: 0x043587cf, xprivkey: 0x04358394, xpubkey58: 'tpub', xprivkey58: 'tprv',
});
require(`${PACKAGE}/lib/protocol/network`).set('regtest');

const FullNode = require(`${PACKAGE}/lib/node/fullnode`);
const Address = require(`${PACKAGE}/lib/primitives/address`);
const Block = require(`${PACKAGE}/lib/primitives/block`);
const Coin = require(`${PACKAGE}/lib/primitives/coin`);
const KeyRing = require(`${PACKAGE}/lib/primitives/keyring`);
const MTX = require(`${PACKAGE}/lib/primitives/mtx`);
const Output = require(`${PACKAGE}/lib/primitives/output`);
const Script = require(`${PACKAGE}/lib/script/script`);
const TX = require(`${PACKAGE}/lib/primitives/tx`);
const { BufferReader } = require('bufio');

const OWN_KEY = KeyRing.fromPrivate(Buffer.alloc(32, 1));
const keys = [OWN_KEY]; // and those made for the asking: they are forgotten at the end
const FEE_RATE = 20000; // satoshi per 1000 bytes, as bitcoind's -fallbackfee here
const SHOWN_VERSION = 220000; // of Bitcoin Core; what it speaks here is that old
// Core's rpc/protocol.h
const NOT_FOUND = -5;
const REFUSED = -26;
const INVALID = -25;

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
    getnewaddress: ([, kind]) => (kind === 'fresh' ? freshKey() : OWN_KEY).getAddress('string', node.network),
    fundrawtransaction: async ([raw, options]) => fund(node, raw, options),
    signrawtransactionwithwallet: async ([raw, spent]) => sign(node, raw, spent),
    signrawtransactionwithkey: async ([raw, secrets, spent]) => sign(node, raw, spent, secrets.map(keyOf)),
    sendrawtransaction: async ([raw]) => send(node, raw),
    hearfirst: async ([raw]) => hearFirst(node, raw),
    generateblock: async ([address, transactions]) => generateBlock(node, address, transactions),
    scantxoutset: async ([, descriptors]) => scan(node, descriptors),
    reorg: async ([depth, contents]) => reorg(node, depth, contents),
  };
  for (const name of ['getmempoolentry', 'getrawtransaction'])
    calls[name] = notFoundAsCore(original(name));
  for (const [name, call] of Object.entries(calls))
    stock[name] = async (args) => call(args);
  for (const [name, call] of Object.entries(stock)) {
    stock[name] = async (args, help) => {
      await indexed(node);
      return call.call(node.rpc, args, help);
    };
  }
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

function keyOf(secret) {
  return KeyRing.fromSecret(secret);
}

function freshKey() {
  keys.push(KeyRing.generate());
  return keys[keys.length - 1];
}

/** Adds inputs of ours, and change as the last output. bcoin would take "no inputs" for the mark of a witness. */
async function fund(node, raw, options = {}) {
  const reader = new BufferReader(Buffer.from(raw, 'hex'));
  const transaction = new MTX();
  transaction.version = reader.readU32();
  if (reader.readVarint() !== 0)
    throw new Refusal(REFUSED, 'inputs are chosen here');
  for (let left = reader.readVarint(); left > 0; left--)
    transaction.outputs.push(Output.fromReader(reader));
  const changeAddress = OWN_KEY.getAddress();
  const coins = await node.getCoinsByAddress(keys.map((key) => key.getAddress()));
  const rate = options.fee_rate ? Math.ceil(Number(options.fee_rate) * 1000) : FEE_RATE;
  const { fee } = await transaction.fund(coins, { rate, height: node.chain.height, changeAddress, selection: 'age' });
  return { hex: transaction.toRaw().toString('hex'), fee: fee / 1e8, changepos: transaction.changeIndex };
}

/** `spent`: as in Core, what inputs spend where the node no longer has it. */
async function sign(node, raw, spent = [], by = keys) {
  const transaction = MTX.fromRaw(Buffer.from(raw, 'hex'));
  for (const [place, { prevout }] of transaction.inputs.entries()) {
    const known = node.mempool.getCoin(prevout.hash, prevout.index) || await node.chain.getCoin(prevout.hash, prevout.index);
    const coin = known || spentCoin(prevout, spent[place]);
    if (coin)
      transaction.view.addCoin(coin);
  }
  await transaction.signAsync(by);
  return { hex: transaction.toRaw().toString('hex'), complete: transaction.isSigned() };
}

function spentCoin(prevout, said) {
  if (!said)
    return null;
  const value = Math.round(Number(said.amount) * 1e8);
  const coin = Coin.fromJSON({ version: 1, height: 1, value, script: said.scriptPubKey, coinbase: false });
  return Object.assign(coin, { hash: prevout.hash, index: prevout.index });
}

/** Stock bcoin answers with an id even where its mempool refused, and refuses what it has; Core does neither. */
async function send(node, raw) {
  const transaction = TX.fromRaw(Buffer.from(raw, 'hex'));
  if (node.mempool.hasEntry(PACKAGE === 'bcoin' ? transaction.hash('hex') : transaction.hash()))
    return transaction.txid();
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

/** As if this node had heard of the transaction before those that it conflicts with: neither package replaces by fee. */
async function hearFirst(node, raw) {
  for (const { prevout } of TX.fromRaw(Buffer.from(raw, 'hex')).inputs) {
    const spender = node.mempool.getSpent(prevout.hash, prevout.index);
    if (spender)
      node.mempool.evictEntry(spender);
  }
  return send(node, raw);
}

/** Mines exactly these transactions, ids in the mempool or raw hex, on `tip`; the new chain entry. */
async function mineOn(node, tip, address, transactions) {
  const job = await node.miner.cpu.createJob(tip, address);
  Object.assign(job.attempt, { items: [], fees: 0 });
  for (const given of transactions)
    job.attempt.pushTX(given.length === 64 ? waiting(node, given) : TX.fromRaw(Buffer.from(given, 'hex')));
  if (job.attempt.sort) // Bitcoin Cash orders a block by transaction id
    job.attempt.sort();
  job.attempt.refresh();
  try {
    return await node.chain.add(await node.miner.cpu.mineAsync(job));
  } catch (error) {
    throw new Refusal(INVALID, error.message);
  }
}

function waiting(node, txid) {
  for (const { tx } of node.mempool.map.values()) {
    if (tx.txid() === txid)
      return tx;
  }
  throw new Refusal(NOT_FOUND, `${txid} is not in the mempool`);
}

async function generateBlock(node, address, transactions) {
  const entry = await mineOn(node, node.chain.tip, Address.fromString(address, node.network), transactions);
  return { hash: entry.rhash() };
}

/** Core's answer in short, for descriptors of the form addr(...): coins of the chain alone, whatever waits. */
async function scan(node, descriptors) {
  const coins = node.addrindex || node.chain;
  const unspents = [];
  let total = 0;
  for (const descriptor of descriptors) {
    for (const coin of await coins.getCoinsByAddress([described(node, descriptor)])) {
      total += coin.value;
      unspents.push({
        txid: coin.rhash(),
        vout: coin.index,
        scriptPubKey: coin.script.toRaw().toString('hex'),
        amount: coin.value / 1e8,
        height: coin.height,
      });
    }
  }
  const { height, tip } = node.chain;
  return { success: true, height, bestblock: tip.rhash(), unspents, total_amount: total / 1e8 };
}

/** addr(...) or raw(...), as Core's descriptors have them. */
function described(node, descriptor) {
  const [, kind, content] = /^(addr|raw)\((.+)\)$/.exec(descriptor);
  return kind === 'addr'
    ? Address.fromString(content, node.network)
    : Address.fromScript(Script.fromRaw(Buffer.from(content, 'hex')));
}

/**
 * Mines blocks of exactly these transactions on the block `depth` below the tip; more than `depth` become the chain.
 */
async function reorg(node, depth, contents) {
  const hashes = [];
  let tip = await node.chain.getEntry(node.chain.height - depth);
  for (const transactions of contents) {
    tip = await mineOn(node, tip, OWN_KEY.getAddress(), transactions);
    hashes.push(tip.rhash());
  }
  return hashes;
}

/** bcash writes its indexes behind the chain's back; whoever asks meanwhile would miss what was just mined. */
async function indexed(node) {
  for (const index of [node.txindex, node.addrindex]) {
    while (index && index.height !== node.chain.height)
      await new Promise((done) => setTimeout(done, 1));
  }
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
    if (!await chain.hasEntry(PACKAGE === 'bcoin' ? block.hash('hex') : block.hash()))
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

if (FOLDER === '--version') {
  console.log(`${PACKAGE} ${version}`);
} else {
  main(FOLDER).catch((error) => {
    console.error(error.stack);
    process.exit(1);
  });
}
