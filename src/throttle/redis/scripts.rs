//! What is counted in one step, in Lua. The arithmetic is that of `memory/count.rs`.
//!
//! KEYS: source, pair, name, turn. ARGV: the time, or nothing for that of Redis; whether there is a
//! source, whether the name counts at each source, and whether anywhere; how long a turn and a try
//! last, and how many open tries weigh as one failure; then, for source, pair and name each, five
//! numbers: free, longest, memory, forgiveness, most.

use std::sync::LazyLock;

use redis::Script;

const COMMON: &str = "
local now = tonumber(ARGV[1]) or tonumber(redis.call('TIME')[1])
local has_source, paired, everywhere = ARGV[2] == '1', ARGV[3] == '1', ARGV[4] == '1'
local TURN_LASTS, TRY_LASTS, OPEN_PER_FAILURE = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])

local function limit(at)
    return { free = tonumber(ARGV[at]), longest = tonumber(ARGV[at + 1]),
        memory = tonumber(ARGV[at + 2]), every = tonumber(ARGV[at + 3]), most = tonumber(ARGV[at + 4]) }
end
local SOURCE, PAIR, NAME = limit(8), limit(13), limit(18)

local function delay(limit, weight)
    local over = weight - limit.free - 1
    if over < 0 then return 0 end
    return math.min(2 ^ math.min(over, 40), limit.longest)
end

local function weight(count, limit)
    if count.failures > limit.free then return count.failures + count.open end
    return count.failures + math.floor(count.open / OPEN_PER_FAILURE)
end

local function read(key, limit)
    local found = redis.call('HMGET', key, 'f', 'o', 'l', 'a', 'r', 'g', 't')
    local function field(at) return tonumber(found[at]) or 0 end
    local count = { failures = 0, open = 0, open_at_least = 0, looked_at = now, ready_at = 0,
        forgiven_at = now }
    if not found[7] or now - math.min(field(7), now) > limit.memory then return count end
    count.forgiven_at = math.min(field(6), now)
    local forgiven = math.floor((now - count.forgiven_at) / limit.every)
    count.failures = math.max(field(1) - forgiven, 0)
    count.forgiven_at = count.forgiven_at + forgiven * limit.every
    count.open, count.open_at_least, count.looked_at = field(2), field(3), math.min(field(4), now)
    if now - count.looked_at >= TRY_LASTS then
        count.open = math.max(count.open - count.open_at_least, 0)
        count.open_at_least = count.open
        count.looked_at = now
    end
    count.ready_at = math.min(field(5), now + limit.longest)
    return count
end

local function write(key, count, limit)
    if count.failures == 0 and count.open == 0 then
        redis.call('DEL', key)
        return
    end
    redis.call('HSET', key, 'f', count.failures, 'o', count.open, 'l', count.open_at_least,
        'a', count.looked_at, 'r', count.ready_at, 'g', count.forgiven_at, 't', now)
    redis.call('EXPIRE', key, limit.memory + 1)
end
";

const ADMIT_BODY: &str = "
local function admit(key, count, limit)
    count.open = count.open + 1
    count.ready_at = now + delay(limit, weight(count, limit))
    write(key, count, limit)
end

local source, pair, name
if has_source then
    source = read(KEYS[1], SOURCE)
    if source.ready_at > now then return source.ready_at - now end
end
if paired then
    pair = read(KEYS[2], PAIR)
    if has_source and pair.ready_at > now then return pair.ready_at - now end
end
if everywhere then
    name = read(KEYS[3], NAME)
    local wait = delay(NAME, weight(name, NAME))
    if wait > 0 then
        local turn = tonumber(redis.call('GET', KEYS[4]))
        if not turn or now > turn + TURN_LASTS then
            turn = now + wait
            redis.call('SET', KEYS[4], turn, 'EX', wait + TURN_LASTS + 1)
        end
        turn = math.min(turn, now + NAME.longest)
        if turn > now then return turn - now end
        redis.call('DEL', KEYS[4])
    end
    admit(KEYS[3], name, NAME)
end
if pair then admit(KEYS[2], pair, PAIR) end
if source then admit(KEYS[1], source, SOURCE) end
return 0
";

const SETTLE_BODY: &str = "
local outcome = ARGV[23]
local function settle(key, limit, forgives)
    local count = read(key, limit)
    if forgives and outcome == 'right' then count.failures = 0 end
    count.open = math.max(count.open - 1, 0)
    count.open_at_least = math.min(count.open_at_least, count.open)
    local failed = outcome == 'wrong'
    if failed then
        if count.failures == 0 then count.forgiven_at = now end
        count.failures = math.min(count.failures + 1, limit.most)
    end
    local ready_at = now + delay(limit, weight(count, limit))
    if failed then
        count.ready_at = math.max(count.ready_at, ready_at)
    else
        count.ready_at = math.min(count.ready_at, ready_at)
    end
    write(key, count, limit)
end
if paired then settle(KEYS[2], PAIR, true) end
if everywhere then settle(KEYS[3], NAME, false) end
if has_source then settle(KEYS[1], SOURCE, false) end
return 0
";

/// Returns for how many seconds the attempt has to wait; with 0 it goes on and is counted.
pub(super) static ADMIT: LazyLock<Script> = LazyLock::new(|| script(ADMIT_BODY));

/// The last of ARGV is the outcome: right, wrong or unknown.
pub(super) static SETTLE: LazyLock<Script> = LazyLock::new(|| script(SETTLE_BODY));

fn script(body: &str) -> Script {
    Script::new(&format!("{COMMON}{body}"))
}
