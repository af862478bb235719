# For the scenarios' assertions. The input is everything one tracepkt printed, as an array.
def journeys: map(select(.type == "journey"));
def requests: journeys | map(select(.direction == "request"));
def replies: journeys | map(select(.direction == "reply"));
def summary: map(select(.type == "summary"))[0];

# A hop: "NETNS DEVICE STAGE"
def words: "\(.netns.name // .netns.inode) \(.dev.name // "-") \(.stage)";
# A journey's interface crossings, one after the other
def crossings: .hops | map(select(.stage == "tx" or .stage == "rx") | words) | join(", ");
# The same with its arrival at the IP layer and its end
def way: .hops | map(select(.stage | IN("tx", "rx", "in", "deliver", "drop")) | words) | join(", ");
# Crossings and end only
def travel: .hops | map(select(.stage | IN("tx", "rx", "deliver", "drop")) | words) | join(", ");
# "delivered in web"
def outcome_words: "\(.outcome.kind) in \(.outcome.netns.name)";
def ordered: [.hops[].offset_ns] | . == sort;
