-- Shows what tracepkt says of a packet, in the captures that it writes (-w), as fields that Wireshark and tshark filter
-- on: tracepkt.stage == "drop", tracepkt.journey == 7, ...
--
-- Wireshark gives a script no way to the custom options that our records are in (4.0 to 4.6: its table of dissectors for
-- them hands the bytes to dissectors in C only), so this reads the packet's comment, of which docs/capture-format.md has
-- the grammar, and the interface's description.

local tracepkt = Proto("tracepkt", "tracepkt")

local fields = {
  journey = ProtoField.uint64("tracepkt.journey", "Journey"),
  netns = ProtoField.string("tracepkt.netns", "Network namespace"),
  inode = ProtoField.uint32("tracepkt.netns.inode", "Inode of the network namespace"),
  dev = ProtoField.string("tracepkt.dev", "Interface"),
  stage = ProtoField.string("tracepkt.stage", "Stage"),
  told = ProtoField.string("tracepkt.told", "Told"),
  reason = ProtoField.string("tracepkt.reason", "Reason of the drop"),
  drop_function = ProtoField.string("tracepkt.function", "Kernel function that dropped it"),
  verdict = ProtoField.string("tracepkt.verdict", "Verdict of the firewall"),
  packet = ProtoField.string("tracepkt.packet", "Packet"),
}
tracepkt.fields = fields

local comment_of = Field.new("frame.comment")
local interface_of = Field.new("frame.interface_name")
local description_of = Field.new("frame.interface_description")

local verdicts = {}
for word in ("accept drop stolen queue repeat stop reject continue break return jump goto"):gmatch("%l+") do
  verdicts[word] = true
end

-- A name at `at`: in quotes where it would not be one word; and where what comes after it begins. nil: there is none.
local function name_at(text, at)
  local name, after = text:match('^"([^"]*)" ()', at)
  if not name then
    name, after = text:match('^([^ "]+) ()', at)
  end
  return name, after
end

-- journey, netns, dev (false: on none), stage, told, packet; nil: not a comment of ours.
local function parse(comment)
  local journey, at = comment:match("^#(%d+) ()")
  local netns, dev
  netns, at = name_at(comment, at or 1)
  local has_dev = netns and comment:sub(at, at + 1) ~= "- "
  if netns then
    dev, at = name_at(comment, at)
  end
  if not dev then
    return nil
  end
  local stage, rest = comment:match("^([%l_]+)$", at), ""
  if not stage then
    stage, rest = comment:match("^([%l_]+):(.*)$", at)
  end
  if not stage then
    return nil
  end
  -- What is told may hold anything, what is said of the packet has no semicolon: the last one parts them.
  local told, packet = rest:match("^ (.*);(.*)$")
  packet = (packet or rest):match("^ (.+)$")
  return { journey = journey, netns = netns, dev = has_dev and dev, stage = stage, told = told, packet = packet }
end

local function is_on(dev, interface)
  if not dev then
    return interface == "(none)"
  end
  return dev == interface or dev:gsub("\\x22", '"') == interface
end

-- What a stage tells, taken apart.
local tell = {
  drop = function(tree, told)
    local name = told:match("^[%u%d_]+$")
    tree:add(name and fields.reason or fields.drop_function, told):set_generated()
  end,
  netfilter = function(tree, told)
    local verdict
    for word in told:gmatch("%a+") do
      verdict = verdicts[word:lower()] and word:lower() or verdict
    end
    if verdict then
      tree:add(fields.verdict, verdict):set_generated()
    end
  end,
}

function tracepkt.dissector(buffer, pinfo, tree)
  local interface, description = interface_of(), description_of()
  if not interface or not description then
    return
  end
  local inode = tostring(description.value):match("^namespace .*, inode (%d+)$")
  if not inode and tostring(description.value) ~= "no network namespace known" then
    return -- no capture of ours
  end
  local hop
  -- There may be others: anybody may write one, also one that looks like ours. Ours is of this interface.
  for _, comment in ipairs({ comment_of() }) do
    local found = not hop and parse(tostring(comment.value))
    if found and is_on(found.dev, tostring(interface.value)) then
      hop = found
    end
  end
  if not hop then
    return
  end
  local where = hop.netns .. " " .. (hop.dev or "-") .. " " .. hop.stage
  local subtree = tree:add(tracepkt, "tracepkt: " .. where .. (hop.told and ": " .. hop.told or ""))
  if hop.journey then
    subtree:add(fields.journey, UInt64(hop.journey)):set_generated()
  end
  subtree:add(fields.netns, hop.netns):set_generated()
  if inode then
    subtree:add(fields.inode, tonumber(inode)):set_generated()
  end
  if hop.dev then
    subtree:add(fields.dev, hop.dev):set_generated()
  end
  subtree:add(fields.stage, hop.stage):set_generated()
  if hop.told then
    subtree:add(fields.told, hop.told):set_generated()
    if tell[hop.stage] then
      tell[hop.stage](subtree, hop.told)
    end
  end
  if hop.packet then
    subtree:add(fields.packet, hop.packet):set_generated()
  end
end

register_postdissector(tracepkt)
