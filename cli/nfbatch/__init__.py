"""The command of those who run Nextflow on AWS Batch."""

VERSION = "0.2.0"
