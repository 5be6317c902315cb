"""Flags, variables, tenants file, secrets: accepted as documented,
refused with the place and the remedy.
"""

import json
import stat

import pytest
from kairos_server.config import ConfigError, config_read
from kairos_server.limits import Limits
from kairos_server.secrets_file import SecretsError, secrets_read
from kairos_server.tenants import tenants_read

HASH = "ab" * 32


def test_defaults_are_local_and_loopback():
    config = config_read({}, {})
    assert (str(config.grpc), str(config.http), str(config.data)) == (
        "127.0.0.1:50051",
        "127.0.0.1:9090",
        "data",
    )
    assert config.local
    assert config.map_size == 64 << 30


def test_flag_beats_variable_beats_default():
    environment = {"KAIROS_GRPC": "127.0.0.1:1000", "KAIROS_QUEUE_RECORDS": "8192", "OTHER": "x"}
    config = config_read({"grpc": "127.0.0.1:2000", "data": None}, environment)
    assert (config.grpc.port, config.queue_records_max) == (2000, 8192)


@pytest.mark.parametrize(
    ("flags", "environment", "text"),
    [
        ({"grpc": "50051"}, {}, "--grpc: `50051` is not an address"),
        ({"grpc": "127.0.0.1:99999"}, {}, "--grpc"),
        ({"grpc": "0.0.0.0:50051"}, {}, "binds loopback only"),
        ({"http": "127.0.0.1:50051"}, {}, "already the gRPC address"),
        ({}, {"KAIROS_MAP_SIZE": "lots"}, "KAIROS_MAP_SIZE: `lots` is not a number"),
        ({"queue_records": "1"}, {}, "--queue-records: 1 is out of bounds; choose 4096"),
        ({"log_level": "loud"}, {}, "--log-level: `loud` is not one of debug"),
        ({"kernel": "mmx"}, {}, "--kernel"),
        ({"map_size": "1M", "segment_size": "64M"}, {}, "at least twice the segment size"),
        ({}, {"KAIROS_GPRC": "x"}, "KAIROS_GPRC: there is no such setting"),
        ({"tenants": "/missing/tenants.toml"}, {}, "--tenants: /missing/tenants.toml"),
    ],
)
def test_wrong_settings_are_named(flags, environment, text):
    with pytest.raises(ConfigError) as error:
        config_read(flags, environment)
    assert text in str(error.value)


def test_sizes_take_units():
    assert config_read({"map_size": "3GiB"}, {}).map_size == 3 << 30


def test_tenants_file_in_both_forms(tmp_path, root):
    row = {
        "number": 7,
        "name": "shop",
        "time_mode": "event",
        "key_sha256": HASH,
        "session_gap_us": 60_000_000,
    }
    json_file = tmp_path / "tenants.json"
    json_file.write_text(json.dumps({"tenants": [row]}))
    toml_file = tmp_path / "tenants.toml"
    lines = [f"{key} = {json.dumps(value)}" for key, value in row.items()]
    toml_file.write_text("[[tenants]]\n" + "\n".join(lines))
    assert tenants_read(json_file) == tenants_read(toml_file)
    (tenant,) = tenants_read(json_file)
    assert (tenant.key_hashes, tenant.session_gap_us, tenant.ahead_us_max) == (
        (bytes.fromhex(HASH),),
        60_000_000,
        300_000_000,
    )
    assert config_read({"tenants": str(json_file), "grpc": "0.0.0.0:1"}, {}).tenants == (tenant,)
    assert tenants_read(root / "deploy" / "tenants.example.toml")[0].name == "shop"


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([], "at least one tenant"),
        ([{"number": 0, "name": "a", "key_sha256": HASH}], "`number`"),
        ([{"number": True, "name": "a", "key_sha256": HASH}], "`number`"),
        ([{"number": 1, "name": "A b", "key_sha256": HASH}], "`name`"),
        ([{"number": 1, "name": "a", "key_sha256": "kairos_secret"}], "`key_sha256`"),
        ([{"number": 1, "name": "a"}], "`key_sha256`"),
        ([{"number": 1, "name": "a", "key_sha256": HASH, "time_mode": "fast"}], "`time_mode`"),
        ([{"number": 1, "name": "a", "key_sha256": HASH, "colour": 1}], "unknown key `colour`"),
        ([{"number": 1, "name": "a", "key_sha256": HASH, "ahead_us_max": -1}], "`ahead_us_max`"),
        ([{"number": n, "name": "a", "key_sha256": f"{n:064x}"} for n in (1, 2)], "same name"),
        (
            [{"number": n, "name": f"t{n}", "key_sha256": HASH} for n in (1, 2)],
            "one key belongs to two",
        ),
    ],
)
def test_wrong_tenants_are_named(tmp_path, rows, text):
    file = tmp_path / "tenants.json"
    file.write_text(json.dumps({"tenants": rows}))
    with pytest.raises(ValueError, match=text):
        tenants_read(file)


def test_secrets_last_and_are_private(tmp_path):
    secrets = secrets_read(tmp_path)
    key = secrets.hash_key("1")
    secrets.demo_key = "k"
    secrets.save()
    again = secrets_read(tmp_path)
    assert (again.hash_key("1"), again.demo_key, len(key)) == (key, "k", 16)
    assert again.hash_key("2") != key
    assert stat.S_IMODE(secrets.path.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secrets.json"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"version": 2}', '{"version": 1, "hash_keys": {"1": "ab"}, "demo_key": ""}'],
)
def test_damaged_secrets_stop_the_start(tmp_path, text):
    (tmp_path / "secrets.json").write_text(text)
    with pytest.raises(SecretsError, match="restore it"):
        secrets_read(tmp_path)


def test_limits_that_contradict_each_other_are_refused():
    core = {
        "batch_events_max": 1000,
        "commit_records_max": 4096,
        "message_size_max": 4 << 20,
        "tenants_max": 1024,
    }
    Limits(**core)
    with pytest.raises(ValueError, match="one batch fits one group commit"):
        Limits(**{**core, "batch_events_max": 5000})
    with pytest.raises(ValueError, match="one message fits the queue"):
        Limits(**core, queue_size_max=1)
