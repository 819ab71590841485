//! The JSON Schema of a configuration's file, for editors: completion, and most mistakes while
//! somebody types. What counts is the reader, which knows more and says it better.
//! Pure: no I/O, no clock, no randomness.

use serde_json::{Map, Value, json};

use super::{Config, LogFormat, LogLevel};
use crate::quote::{AssetPair, QuoteField};

/// A day, the longest of most durations, in milliseconds.
const DAY: u64 = 86_400_000;

/// An id, perhaps with a title; or an URL.
const SHEET: &str = "^\\s*[A-Za-z0-9_-]{20,128}\\s*(:.+)?$\
                     |docs\\.google\\.com/.*spreadsheets/(.*/)?d/[A-Za-z0-9_-]{20,128}";

/// An IPv4 or an IPv6 address, and a port.
const LISTEN: &str = "^([0-9.]+|\\[[0-9A-Fa-f:.%]+\\]):[0-9]{1,5}$";

impl Config {
    /// The JSON Schema (draft 7) of a configuration's file. Every file that
    /// [`from_json`](Self::from_json) takes is valid by it; not the other way round, since a
    /// schema cannot say that no cell is written twice. It is a text of JSON.
    pub fn json_schema() -> String {
        let mut properties = sheet_keys();
        properties.extend(root_keys());
        let at_root = require(&["sheet", "data"]);
        let within: Vec<Value> = sheet_keys().keys().map(|key| require(&[key])).collect();
        let schema = json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "title": "ratesheet's configuration",
            "description": "Which Kraken quotes go into which cells of which Google spreadsheets, \
                            and how often. One sheet stands at the root; several stand in \"sheets\".",
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
            "anyOf": [
                { "allOf": [at_root, one_cadence()], "not": require(&["sheets"]) },
                { "allOf": [require(&["sheets"])], "not": { "anyOf": within } }
            ],
            "definitions": definitions(),
        });
        format!("{schema:#}\n")
    }
}

fn definitions() -> Value {
    json!({
        "cell": {
            "description": "One cell, such as A1 or 'Other tab'!B2, or the name of a range.",
            "type": "string",
            "minLength": 1,
            "examples": ["A1", "'Other tab'!B2", "BtcPrice"]
        },
        "cells": {
            "anyOf": [
                { "$ref": "#/definitions/cell" },
                { "type": "array", "items": { "$ref": "#/definitions/cell" }, "minItems": 1 }
            ]
        },
        "sheet": {
            "type": "object",
            "properties": sheet_keys(),
            "additionalProperties": false,
            "allOf": [require(&["sheet", "data"]), one_cadence()]
        }
    })
}

/// The keys of a sheet.
fn sheet_keys() -> Map<String, Value> {
    let fields: Vec<_> = QuoteField::ALL.iter().map(|field| field.name()).collect();
    let meanings =
        QuoteField::ALL.iter().map(|field| format!("{}: {}", field.name(), field.meaning()));
    let meanings: Vec<_> = meanings.collect();
    let (least, most) = (AssetPair::LENGTHS.start(), AssetPair::LENGTHS.end());
    let pattern = format!("^kraken:[A-Za-z0-9./:]{{{least},{most}}}:({})$", fields.join("|"));
    let cadence = "From tick to tick: milliseconds, or a text such as \"5s\".";
    object([
        (
            "sheet",
            json!({
                "description": "The spreadsheet's id, a colon and the tab's title; or the URL that \
                                the browser shows.",
                "type": "string",
                "pattern": SHEET,
                "examples": ["15CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOk:Sheet 1"]
            }),
        ),
        ("timeout", duration(DAY, cadence)),
        ("interval", duration(DAY, &format!("{cadence} Another name of timeout."))),
        (
            "data",
            json!({
                "description": format!(
                    "What goes where: \"kraken:<pair>:<field>\", and a cell or a list of cells.\n{}",
                    meanings.join("\n")
                ),
                "type": "object",
                "minProperties": 1,
                "propertyNames": { "pattern": pattern },
                "additionalProperties": { "$ref": "#/definitions/cells" },
                "examples": [{ "kraken:xbteur:sell": ["A1"] }]
            }),
        ),
        ("updated", cells("Where it says when the oldest price of this sheet was asked for.")),
        ("problem", cells("Where it says what is wrong with this sheet; empty while all is well.")),
    ])
}

/// The keys of the root that are none of a sheet.
fn root_keys() -> Map<String, Value> {
    let mut keys = object([
        ("$schema", json!({ "description": "The address of this schema.", "type": "string" })),
        (
            "sheets",
            json!({
                "description": "Several sheets, in place of the one at the root.",
                "type": "array",
                "items": { "$ref": "#/definitions/sheet" },
                "default": []
            }),
        ),
        (
            "credentials",
            file(
                "The path of the service account's key, or metadata: the identity that Google gives \
                 its machines. GOOGLE_APPLICATION_CREDENTIALS without it.",
            ),
        ),
        (
            "shutdown_grace",
            with_default("8s", duration(3_600_000, "The longest that a clean stop may take.")),
        ),
    ]);
    keys.extend(upstream_keys());
    keys.extend(recovery_keys());
    keys.extend(process_keys());
    keys
}

/// The sections about the servers that are asked.
fn upstream_keys() -> Map<String, Value> {
    let deadline = "The longest that one request may take in all.";
    let kraken = [
        ("url", with_default("https://api.kraken.com", url("Where Kraken is."))),
        ("deadline", with_default("10s", duration(600_000, deadline))),
        (
            "requests_per_second",
            json!({
                "description": "How many requests a second are made, on the average.",
                "type": "number", "minimum": 0.001, "maximum": 1_000, "default": 1
            }),
        ),
    ];
    let google = [
        ("url", with_default("https://sheets.googleapis.com", url("Where the Sheets API is."))),
        ("deadline", with_default("30s", duration(600_000, deadline))),
        (
            "writes_per_minute",
            integer(
                (1, 1_000_000, 50),
                "How many writes a minute are made for all sheets; Google allows 60.",
            ),
        ),
    ];
    let authorities =
        "A PEM file with certificate authorities that are trusted beside the usual ones.";
    object([
        ("kraken", section("How Kraken is asked.", kraken)),
        ("google", section("How Google is asked.", google)),
        ("tls", section("Who is trusted.", [("ca_file", file(authorities))])),
    ])
}

/// The sections about what is done after failures.
fn recovery_keys() -> Map<String, Value> {
    let of = |default, text| with_default(default, duration(DAY, text));
    let retry = [
        ("backoff_min", of("500ms", "The first wait after a failure, at the most.")),
        ("backoff_max", of("60s", "Any wait after a failure, at the most.")),
        (
            "probe",
            of("5m", "How often something is tried again that only a person can mend, ± 20 %."),
        ),
    ];
    let restarts = "So many restarts of one actor are borne within the period.";
    let asked = "How often each actor is asked whether it still answers: 500 ms at the least.";
    let supervision = [
        ("max_restarts", integer((0, 1_000, 5), restarts)),
        ("period", of("60s", "The period within which restarts are counted.")),
        ("backoff_min", of("500ms", "The wait before the first restart.")),
        ("backoff_max", of("30s", "The longest wait before a restart.")),
        ("park", of("5m", "How long an actor is left alone that has failed too often.")),
        ("ping", with_default("5s", between(500, DAY, asked))),
    ];
    object([
        ("retry", section("When something is tried again.", retry)),
        ("supervision", section("What happens after a bug in an actor.", supervision)),
    ])
}

/// The sections about the process.
fn process_keys() -> Map<String, Value> {
    fn names<T>(named: &[(&str, T)]) -> Value {
        json!({ "enum": named.iter().map(|(name, _)| name).collect::<Vec<_>>() })
    }
    let level = with_default("info", names(LogLevel::NAMES));
    let format = with_default("auto", names(LogFormat::NAMES));
    let listen = json!({
        "description": "Address and port where the probes answer; null for none.",
        "type": ["string", "null"],
        "pattern": LISTEN,
        "default": null,
        "examples": ["127.0.0.1:9642"]
    });
    let heartbeat = json!({
        "description": "An https address that is fetched while all is well, at most once a minute.",
        "type": ["string", "null"],
        "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://[^@]+$",
        "default": null
    });
    object([
        ("log", section("What is logged, and how.", [("level", level), ("format", format)])),
        ("status", section("The probes.", [("listen", listen)])),
        ("heartbeat", section("Whom to tell that all is well.", [("url", heartbeat)])),
    ])
}

fn object<const N: usize>(keys: [(&str, Value); N]) -> Map<String, Value> {
    keys.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn section<const N: usize>(text: &str, keys: [(&str, Value); N]) -> Value {
    json!({
        "description": text,
        "type": "object",
        "properties": object(keys),
        "additionalProperties": false
    })
}

fn with_default(default: &str, mut schema: Value) -> Value {
    if let Value::Object(members) = &mut schema {
        members.insert("default".into(), default.into());
    }
    schema
}

/// A duration up to so many milliseconds.
fn duration(most: u64, text: &str) -> Value {
    between(1, most, text)
}

/// A duration from so many milliseconds to so many.
fn between(least: u64, most: u64, text: &str) -> Value {
    json!({
        "description": text,
        "anyOf": [
            { "type": "integer", "minimum": least, "maximum": most },
            { "type": "string", "pattern": "^[0-9]+(ms|s|m|h)$" }
        ]
    })
}

fn integer((least, most, default): (u32, u32, u32), text: &str) -> Value {
    json!({
        "description": text,
        "type": "integer", "minimum": least, "maximum": most, "default": default
    })
}

fn url(text: &str) -> Value {
    json!({ "description": text, "type": "string", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@]+/?$" })
}

fn file(text: &str) -> Value {
    json!({ "description": text, "type": ["string", "null"], "minLength": 1, "default": null })
}

fn cells(text: &str) -> Value {
    json!({ "description": text, "allOf": [{ "$ref": "#/definitions/cells" }] })
}

fn require(keys: &[&str]) -> Value {
    json!({ "required": keys })
}

/// Either of the names of the cadence, and not both.
fn one_cadence() -> Value {
    json!({ "oneOf": [require(&["timeout"]), require(&["interval"])] })
}
