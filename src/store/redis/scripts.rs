//! What has to be done in one step, in Lua. Each touches keys of one slot only, and may be sent
//! twice: some connections do that when an answer was lost.

use std::sync::LazyLock;

use redis::Script;

/// Saves a hash unless its key is there. KEYS: hash. ARGV: when it expires, fields and values.
/// Returns whether it was saved, by this call or by the same one before.
pub(super) static INSERT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('EXISTS', KEYS[1]) == 1 then
            for at = 2, #ARGV, 2 do
                if redis.call('HGET', KEYS[1], ARGV[at]) ~= ARGV[at + 1] then return 0 end
            end
            return 1
        end
        redis.call('HSET', KEYS[1], unpack(ARGV, 2))
        redis.call('EXPIREAT', KEYS[1], ARGV[1])
        return 1",
    )
});

/// Lists a family. KEYS: set of a subject. ARGV: id, its end, what is over, seconds to keep more.
/// What is over has to be so by the clock of Redis too: families go by that one, and those that are
/// still there must be found when their user logs out everywhere.
pub(super) static LIST: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local over = redis.call('TIME')[1] - ARGV[4]
        over = string.format('%d', math.min(over, ARGV[3]))
        redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', over)
        redis.call('ZADD', KEYS[1], 'GT', ARGV[2], ARGV[1])
        local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
        redis.call('EXPIREAT', KEYS[1], string.format('%d', last[2] + ARGV[4]))
        return 1",
    )
});

/// Saves a rotation if the family is still as it was read. KEYS: family, windows. ARGV: chain as it
/// was, chain, windows, when they close, when the family was refreshed, when it ends, its access
/// tokens, when its key expires. Returns whether it was saved, by this call or by the same one
/// before.
pub(super) static ROTATE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('HEXISTS', KEYS[1], 'expires_at') == 0 then return 0 end
        local chain = redis.call('HGET', KEYS[1], 'chain')
        if chain == ARGV[2] then return 1 end
        if chain ~= ARGV[1] then return 0 end
        redis.call('HSET', KEYS[1], 'chain', ARGV[2], 'refreshed_at', ARGV[5],
            'expires_at', ARGV[6], 'access', ARGV[7])
        redis.call('EXPIREAT', KEYS[1], ARGV[8])
        if ARGV[3] == '' then
            redis.call('DEL', KEYS[2])
        else
            redis.call('SET', KEYS[2], ARGV[3], 'EXAT', ARGV[4])
        end
        return 1",
    )
});

/// Marks a family as revoked, so that no rotation goes through any more. It takes something away
/// and adds nothing, which a Redis whose memory is full would refuse. KEYS: family, windows.
/// Returns its access tokens and its subject, or nothing if it is not there.
pub(super) static MARK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('EXISTS', KEYS[1]) == 0 then return false end
        redis.call('HDEL', KEYS[1], 'expires_at')
        redis.call('DEL', KEYS[2])
        return redis.call('HMGET', KEYS[1], 'access', 'subject')",
    )
});
