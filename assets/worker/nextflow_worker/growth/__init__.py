"""Growing the scratch disk by EBS volumes, from what is written to what EC2 is asked for."""
