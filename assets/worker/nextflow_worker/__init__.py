"""What a worker runs: an EC2 instance on which AWS Batch starts Nextflow's tasks.

Two programs: `provision` makes the instance sound and lets it join the cluster, `watch` grows its
scratch disk while it works. Both run on the interpreter of the ECS-optimized AMI (Amazon Linux
2023), Python 3.9, and need nothing but its standard library; what calls AWS is a program beside
this package.
"""
